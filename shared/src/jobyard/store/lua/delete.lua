-- delete: a job that has ended is forgotten; one that waits is canceled and forgotten.
-- KEYS none  ARGV prefix, tenant (whose jobs they must be; '' for anybody's), n × id
-- Returns n × outcome: done | running | missing (also when the call was sent twice).

local tenant = ARGV[2]
AFTER = tend_all

-- Who follows the queue learns from the event itself whose job it was: no record is left to ask.
local function tell_last(queue, task, owner, tags)
  local changes, is_list, list = EVENTS[queue], pcall(cjson.decode, tags or '')
  changes[#changes] = 'canceled ' .. cjson.encode({ task = task or '', tenant = owner or '',
    tags = is_list and list or nil })
end

-- With a TTL of 0 nothing is kept, and who waits for it is canceled as well.
local function cancel(id, queue, job)
  take_out(id, queue)
  conclude(id, queue, 'canceled', '0', nil, job[6], NOW)
  tell_last(queue, job[3], job[4], job[5])
end

local function forget_ended(id, queue, status, ties)
  if status ~= 'finished' then cut_dependents({ id }) end
  if ties then untie(id, ties, false) end
  redis.call('ZREM', key(ENDS[status], queue), id)
  forget(id, queue)
end

local function delete(id)
  local job = is_of(id, tenant) and fields(id, 'status', 'origin', 'task', 'tenant', 'tags', 'ties')
  if not job or not job[1] or UNKEPT[id] then return 'missing' end
  local status, queue = job[1], job[2] or 'default'
  if status == 'started' then return 'running' end
  if ENDS[status] then forget_ended(id, queue, status, job[6]) else cancel(id, queue, job) end
  count(queue, 'forgotten')
  return 'done'
end

return move_each(3, delete)
