-- lease: a share of what a tenant may use in this minute, for one API process to hand out by itself.
-- The shares of a window are never more than the quota; what a process does not use of its own is
-- lost. They shrink with what is left, so that little is. A minute begins with its first lease.
-- KEYS none  ARGV prefix, tenant, field of the quota, units that are needed, process, nonce
-- Returns quota or -1, granted, remaining, ms until the window ends, its start. Same nonce, same share.

local WINDOW, SHARE, LEFT = 60000, 50, 16 -- ms; a share is ≤ 1/50 of the quota, 1/16 of the rest
local tenant, field, needed, process, nonce = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local limit = yard('limit', tenant .. ':' .. field)

expect('hash', limit)
expect('hash', yard('quota', tenant))
local quota = tonumber(redis.call('HGET', yard('quota', tenant), field) or '')
if not quota then return { -1, 0, 0, 0, 0 } end
local ends = redis.call('PTTL', limit)
if ends <= 0 then
  redis.call('DEL', limit)
  redis.call('HSET', limit, 'start', NOW)
  redis.call('PEXPIRE', limit, WINDOW)
  ends = WINDOW
end
local used, last, start = unpack(redis.call('HMGET', limit, 'used', process, 'start'))
local left = math.max(0, quota - (tonumber(used or '') or 0))
local before, granted = string.match(last or '', '^(%S+) (%d+)$')
local window = tonumber(start or '') or 0
if before == nonce then return { quota, tonumber(granted), left, ends, window } end
local share = math.max(needed, math.floor(math.min(quota / SHARE, left / LEFT)))
if needed > left then share = 0 end
redis.call('HSET', limit, 'used', string.format('%.0f', quota - left + share),
  process, nonce .. ' ' .. string.format('%.0f', share))
return { quota, share, left - share, ends, window }
