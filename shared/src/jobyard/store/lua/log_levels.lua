-- log_levels: how much services are asked to log, and for how long. Reads only.
-- KEYS none  ARGV prefix, n × service
-- Returns n × (level or '', ms left).

local reply = {}
for at = 2, #ARGV do
  local place = yard('loglevel', ARGV[at])
  local level = redis.pcall('GET', place)
  reply[#reply + 1] = type(level) == 'string' and level or ''
  reply[#reply + 1] = redis.call('PTTL', place)
end
return reply
