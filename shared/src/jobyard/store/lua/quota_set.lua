-- quota_set: what a tenant may use; a quota that is not named is lifted.
-- KEYS none  ARGV prefix, tenant, m, m × field/value, audit entry
-- Returns 1.

local tenant, after = ARGV[2], 4 + tonumber(ARGV[3])
expect('hash', yard('quota', tenant))
expect('zset', yard('quotas'))
guard_access()
guard_audit(after)
if was_noted(after) then return 1 end
redis.call('DEL', yard('quota', tenant))
if after > 4 then
  redis.call('HSET', yard('quota', tenant), unpack(ARGV, 4, after - 1))
  redis.call('ZADD', yard('quotas'), 0, tenant)
else
  redis.call('ZREM', yard('quotas'), tenant)
end
changed()
note(after)
return 1
