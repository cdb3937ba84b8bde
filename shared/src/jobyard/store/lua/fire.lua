-- fire: one tick of one schedule, once, whoever calls and however often.
-- KEYS none  ARGV prefix, schedule, tick-ms, then one job as in submit
-- Returns outcome (created | exists | …), id, state.

local schedule, tick = yard('schedule', ARGV[2]), tonumber(ARGV[3])
expect('hash', schedule)
guard_new(4)
local last = tonumber(redis.call('HGET', schedule, 'last') or '')
if last and tick <= last then return { 'exists', ARGV[4], '' } end
redis.call('HSET', schedule, 'last', ARGV[3])
local outcome, id, state = store_new(4)
flush()
return { outcome, id, state }
