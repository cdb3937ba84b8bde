-- read: one job with how its attempts ended, newest first. Changes nothing.
-- KEYS none  ARGV prefix, id, tenant (whose job it must be; '' for anybody's)
-- Returns '' when there is no such job, else hash (flat), due score or '', results (as XREVRANGE),
-- payload and result where they are kept apart, else ''.

local id = ARGV[2]
if not is_of(id, ARGV[3]) or redis.call('TYPE', key('job', id)).ok ~= 'hash' then return '' end
local job = whole(id)
local queue = redis.call('HGET', key('job', id), 'origin') or ''
local due = redis.call('ZSCORE', key('scheduled', queue), id) or ''
local is_apart = {}
for i = 1, #job, 2 do is_apart[job[i]] = true end
local payload = is_apart['payload_bytes'] and bring_apart('payload', id) or ''
local result = is_apart['result_bytes'] and bring_apart('result', id) or ''
return { job, due, results_of(id, 10), payload, result }
