-- key_create: stores a new key; from the first one on, keys are in use everywhere.
-- KEYS none  ARGV prefix, id, digest, expiry in ms of the epoch or '', m, m × field/value, audit entry
-- Returns created | again | exists.

local KEPT = 30 * 86400 * 1000 -- ms that an expired key is still listed
local id, digest, expiry = ARGV[2], ARGV[3], tonumber(ARGV[4])
local name, after = yard('apikey', id), 6 + tonumber(ARGV[5])

expect('hash', name)
expect('zset', yard('apikeys'))
guard_access()
guard_audit(after)
local held = redis.call('HGET', name, 'digest')
if held then return held == digest and 'again' or 'exists' end
redis.call('HSET', name, 'digest', digest, 'created_at', iso(NOW), unpack(ARGV, 6, after - 1))
if expiry then
  redis.call('HSET', name, 'expires_at', iso(expiry), 'expiry', expiry)
  redis.call('PEXPIREAT', name, expiry + KEPT)
end
redis.call('ZADD', yard('apikeys'), string.format('%.0f', NOW_US), id)
redis.call('HSETNX', yard('access'), 'closed', NOW)
note(after)
return 'created'
