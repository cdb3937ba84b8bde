-- moving: what the moves that a person asks for have in common: retry, reschedule, delete.

-- The registry that holds what ended so.
local ENDS = { finished = 'finished', failed = 'failed', canceled = 'canceled', stopped = 'failed' }

-- A job remembers the last nonces of such moves: a copy of a call, however late, moves it no further.
local REMEMBERED = 5
local function was_moved(by, nonce)
  return string.find(' ' .. (by or '') .. ' ', ' ' .. nonce .. ' ', 1, true) ~= nil
end
local function moved_by(by, nonce)
  local nonces = { nonce }
  for old in string.gmatch(by or '', '%S+') do
    if #nonces < REMEMBERED then nonces[#nonces + 1] = old end
  end
  return table.concat(nonces, ' ')
end

-- Moves each id from ARGV[first] on, after all types were checked. Returns n × outcome.
local function move_each(first, move)
  for i = first, #ARGV do
    local job = fields(ARGV[i], 'origin', 'tenant', 'ties')
    if job then
      local queue = job[1] or 'default'
      guard_withdrawal(queue)
      if job[2] then expect('zset', yard('tenant', job[2])) end
      if is_tied(job[3], 'u') then expect('hash', yard('unique', job[2] or '')) end
      if is_tied(job[3], 'w') then expect('set', yard('waiting', job[2] or '')) end
    end
  end
  local replies = {}
  for i = first, #ARGV do
    replies[#replies + 1] = move(ARGV[i])
  end
  flush()
  return replies
end
