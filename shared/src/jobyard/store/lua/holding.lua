-- holding: who holds a unique key; a part of admit and retry. Nothing is written here.

local ENDED_AS = { finished = true, failed = true, stopped = true, canceled = true }

-- The job that holds a unique key of a tenant, its status and queue. A key whose job has ended or is gone
-- is free, whatever the record of keys says.
local function holder_of(tenant, unique)
  local id = redis.call('HGET', yard('unique', tenant), unique)
  local job = id and fields(id, 'status', 'unique', 'origin')
  if not job or job[2] ~= unique or ENDED_AS[job[1]] or not is_of(id, tenant) then return nil end
  return id, job[1], job[3] or 'default'
end
