-- key_used: when keys were last used, at most once a minute a key.
-- KEYS none  ARGV prefix, n × id
-- Returns how many were written.

local EVERY = 60 * 1000 -- ms
for i = 2, #ARGV do expect('hash', yard('apikey', ARGV[i])) end
local written = 0
for i = 2, #ARGV do
  local name = yard('apikey', ARGV[i])
  local digest, used = unpack(redis.call('HMGET', name, 'digest', 'used'))
  if digest and NOW - (tonumber(used or '') or 0) >= EVERY then
    redis.call('HSET', name, 'used', NOW, 'last_used_at', iso(NOW))
    written = written + 1
  end
end
return written
