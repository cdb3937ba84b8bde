-- key_list: keys, newest first; of one tenant, or all. Changes nothing.
-- KEYS none  ARGV prefix, tenant ('*' for all), score to begin below ('+inf' for the newest), limit
-- Returns the score to go on below or '', then n × (id, fields flat).

local tenant, before, limit = ARGV[2], ARGV[3], tonumber(ARGV[4])
local LOOKS = 1000
local from = before == '+inf' and before or '(' .. before
local ids = redis.call('ZRANGE', yard('apikeys'), from, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, LOOKS,
  'WITHSCORES')
local replies, last = { '' }, ''
for i = 1, #ids, 2 do
  if #replies > limit then
    replies[1] = last
    return replies
  end
  last = ids[i + 1]
  local key = yard('apikey', ids[i])
  local found = redis.pcall('HGET', key, 'digest')
  if type(found) == 'string' and (tenant == '*' or redis.call('HGET', key, 'tenant') == tenant) then
    replies[#replies + 1] = { ids[i], redis.call('HGETALL', key) }
  end
end
if #ids == 2 * LOOKS then replies[1] = last end
return replies
