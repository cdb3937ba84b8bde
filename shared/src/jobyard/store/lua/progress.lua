-- progress: what a running task says of itself, only while it owns the job.
-- KEYS none  ARGV prefix, id, token, JSON
-- Returns 1, or 0 for a stale token.

local job = fields(ARGV[2], 'token', 'status')
if not job or job[1] ~= ARGV[3] or job[2] ~= 'started' then return 0 end
redis.call('HSET', key('job', ARGV[2]), 'progress', ARGV[4])
return 1
