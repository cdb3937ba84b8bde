-- places: the last entry of the event streams of queues, as a place to follow them from. Changes nothing.
-- KEYS none  ARGV prefix, at (ms: the last entry until then; '' for now), n, n × (queue place)
-- place: the id of an entry that was seen and must still be there, '0-0' for none yet, '' to be told.
-- Returns now (ms), then n × (place sound): the place asked for, or the last entry until `at`. Where
-- sound is 0, changes after it may be lost (trimmed, or a primary died with them): place is the last.
-- Of a key of a foreign type it is ''.

local at, replies = ARGV[2], { NOW }
local latest = at == '' and '+' or string.format('%.0f', tonumber(at))

local function last_until(stream, id)
  local rows = redis.call('XREVRANGE', stream, id, '-', 'COUNT', 1)
  return rows[1] and rows[1][1] or '0-0'
end

-- Whether what a stream had after a moment is still there: only what is older than the window goes, and
-- what prune.lua took where changes took too much memory.
local function is_whole_since(queue, ms)
  local stream, from = yard('events', queue), redis.pcall('HGET', yard('pruner'), 'events ' .. queue)
  local taken = type(from) == 'string' and tonumber(from) or 0
  if ms >= math.max(NOW - EVENT_WINDOW, taken) or redis.call('EXISTS', stream) == 0 then return true end
  local about = redis.call('XINFO', 'STREAM', stream)
  local known = {}
  for i = 1, #about, 2 do known[about[i]] = about[i + 1] end
  return known['entries-added'] == known['length']
end

local function place_of(queue, asked)
  local stream = yard('events', queue)
  if asked == '' then
    local found = last_until(stream, latest)
    if at == '' or found ~= '0-0' or is_whole_since(queue, tonumber(at)) then return found, 1 end
  elseif asked == '0-0' then
    if is_whole_since(queue, 0) then return asked, 1 end
  elseif redis.call('XRANGE', stream, asked, asked)[1] then
    return asked, 1
  end
  return last_until(stream, '+'), 0
end

-- A key of a foreign type has no place, and loses what was asked of it.
for i = 4, 3 + 2 * tonumber(ARGV[3]), 2 do
  local stream, asked, place, sound = yard('events', ARGV[i]), ARGV[i + 1], '0-0', 1
  local kind = redis.call('TYPE', stream).ok
  if kind == 'stream' then place, sound = place_of(ARGV[i], asked)
  elseif asked ~= '' and asked ~= '0-0' then sound = 0 end
  if kind ~= 'stream' and kind ~= 'none' then place = '' end
  replies[#replies + 1] = place
  replies[#replies + 1] = sound
end
return replies
