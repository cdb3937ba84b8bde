-- purge: cancels what waits in a queue, or is delayed there, as cancel does with each job: the first
-- `limit` of it from a place on. Jobs that were stored after the purge began are kept: so it ends,
-- and a call that is sent twice takes no more than was asked for.
-- KEYS none  ARGV prefix, queue, source (queue | scheduled), began (ms, '' = now), skip, limit
-- Returns when the purge began (ms), canceled, kept, looked at.

local queue, source, began = ARGV[2], ARGV[3], tonumber(ARGV[4]) or NOW
local skip, limit = tonumber(ARGV[5]), tonumber(ARGV[6])
local waiting, until_iso = key(source, queue), iso(began)
local STATUS = { queue = 'queued', scheduled = 'scheduled' }
AFTER = tend_all
guard(queue)
expect('hash', yard('dead', 'unreadable'))

local ids = redis.call(source == 'queue' and 'LRANGE' or 'ZRANGE', waiting, skip, skip + limit - 1)
local canceled, kept, gone = 0, 0, {}
for _, id in ipairs(ids) do
  local job = fields(id, 'status', 'created_at')
  if job and job[1] == STATUS[source] and (job[2] or '') > until_iso then
    kept = kept + 1
  else
    gone[#gone + 1] = id
    if job and job[1] == STATUS[source] then
      finish(id, queue, 'canceled', NOW)
      canceled = canceled + 1
    elseif job == false then quarantine(id, queue, 'the job is not a hash')
    elseif job then pass_over(id, queue, job[1])
    else count(queue, 'vanished') end
  end
end
local function take_out()
  if source == 'scheduled' then return redis.call('ZREM', waiting, unpack(gone)) end
  if kept == 0 and skip == 0 then return redis.call('LTRIM', waiting, #gone, -1) end
  for _, id in ipairs(gone) do redis.call('LREM', waiting, 1, id) end -- they stand near the head
end
if #gone > 0 then take_out() end
flush()
return { string.format('%.0f', began), canceled, kept, #ids }
