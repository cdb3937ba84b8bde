-- A key as a request needs it; for the scripts that read keys and sessions.

local function known_key(id)
  local name = yard('apikey', id)
  if redis.call('TYPE', name).ok ~= 'hash' then return nil end
  local expiry, tenant = unpack(redis.call('HMGET', name, 'expiry', 'tenant'))
  local left = tonumber(expiry or '') and tonumber(expiry) - NOW or ''
  local quotas = tenant and redis.pcall('HGETALL', yard('quota', tenant)) or {}
  return { redis.call('HGETALL', name), left, quotas.err and {} or quotas }
end
