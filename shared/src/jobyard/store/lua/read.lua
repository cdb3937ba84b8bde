-- read: one job with how its attempts ended, newest first. Changes nothing.
-- KEYS none  ARGV prefix, id, tenant (whose job it must be; '' for anybody's)
-- Returns '' when there is no such job, else hash (flat), due score or '', results (as XREVRANGE).

local id = ARGV[2]
if redis.call('TYPE', key('job', id)).ok ~= 'hash' or not is_of(id, ARGV[3]) then return '' end
local job = whole(id)
local queue = redis.call('HGET', key('job', id), 'origin') or ''
local due = redis.call('ZSCORE', key('scheduled', queue), id) or ''
return { job, due, results_of(id, 10) }
