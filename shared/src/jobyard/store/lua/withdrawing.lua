-- withdrawing: takes a job that waits out of where it stands; a part of cancel and admit (closes W16).

local WAITING = { queued = true, scheduled = true, deferred = true, rate_limited = true,
  ready_to_enqueue = true }

local function guard_withdrawal(queue)
  guard(queue)
  expect('zset', key('deferred', queue))
  expect('zset', key('ready', queue))
end

local function withdraw(id, queue)
  redis.call('LREM', key('queue', queue), 0, id)
  redis.call('ZREM', key('scheduled', queue), id)
  redis.call('ZREM', key('deferred', queue), id)
  redis.call('ZREM', key('ready', queue), id)
  finish(id, queue, 'canceled', NOW)
end
