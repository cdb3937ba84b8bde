-- withdrawing: takes a job that waits out of where it stands; a part of cancel, admit and the moves by
-- hand (closes W16).

local WAITING = { queued = true, scheduled = true, deferred = true, rate_limited = true,
  ready_to_enqueue = true }

local function guard_withdrawal(queue)
  guard(queue)
  expect('zset', key('deferred', queue))
  expect('zset', key('ready', queue))
end

local function take_out(id, queue)
  redis.call('LREM', key('queue', queue), 0, id)
  for _, place in ipairs({ 'scheduled', 'deferred', 'ready' }) do redis.call('ZREM', key(place, queue), id) end
end

local function withdraw(id, queue)
  take_out(id, queue)
  finish(id, queue, 'canceled', NOW)
end
