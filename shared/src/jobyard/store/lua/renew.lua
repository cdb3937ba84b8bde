-- renew: extends one worker's lease, however many jobs it holds; writes its busy slots and the
-- heartbeat that RQ's tools read; brings its mail. Closes W6–W8 and W18 (server clock, no pub/sub).
-- KEYS none  ARGV prefix, worker, lease-ms, busy
-- Returns 'gone' when it was reaped, else 'ok' and the mail as field, value …

local worker, lease_ms, busy = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
if not redis.call('ZSCORE', yard('lease'), worker) then return { 'gone' } end
expect('hash', yard('worker', worker))
expect('hash', yard('mail', worker))
expect('hash', key('worker', worker))

local about = redis.call('HMGET', yard('worker', worker), 'pool', 'slots', 'busy')
local pool, slots = about[1] or 'default', tonumber(about[2] or '') or 0
local was_busy = tonumber(about[3] or '') or slots
if busy > slots then busy = slots end
local slot_key = yard('busy', pool)
expect('zset', slot_key)

local expiry = NOW + lease_ms
redis.call('ZADD', yard('lease'), expiry, worker)
for slot = 0, busy - 1 do later('ZADD', slot_key, expiry, worker .. ':' .. slot) end
for slot = busy, math.min(was_busy, slots) - 1 do later('ZREM', slot_key, worker .. ':' .. slot) end
if busy ~= was_busy then redis.call('HSET', yard('worker', worker), 'busy', busy) end
flush()
if redis.call('EXISTS', key('worker', worker)) == 1 then
  redis.call('HSET', key('worker', worker), 'last_heartbeat', iso(NOW), 'state', busy > 0 and 'busy'
    or redis.call('EXISTS', key('suspended')) == 1 and 'suspended' or 'idle')
  local ttl = whole_number(redis.call('HGET', key('worker', worker), 'worker_ttl')) or 0 -- `--worker-ttl`
  redis.call('PEXPIRE', key('worker', worker), math.max(lease_ms, ttl * 1000) + 60000)
end
local reply = redis.call('HGETALL', yard('mail', worker))
table.insert(reply, 1, 'ok')
return reply
