-- list: one page of a queue's jobs, newest first, looking at no more than a bounded number.
-- KEYS none  ARGV prefix, queue, source ('jobs' or a registry), score or '+inf', id or '', limit,
--            looks, task or '', n × 'status:cancel:attempted:expired' pattern of allowed states
-- Returns next score, next id ('' when the source is at its end), then a list a job:
-- id, hash (flat), due score or '', last result (as XREVRANGE), score, member.

local queue, source, score, last = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local limit, looks, task = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local allowed = {}
for i = 9, #ARGV do allowed[ARGV[i]] = true end
local listed = source == 'jobs' and yard('jobs', queue) or key(source, queue)
local reply, found, at_score, at_id = {}, 0, '', ''

local function fits(id)
  local job = fields(id, 'status', 'cancel', 'attempts', 'task', 'expired')
  if not job or not job[1] then return false end
  if task ~= '' and job[4] ~= task then return false end
  if #ARGV < 9 then return true end
  local canceling = job[1] == 'started' and job[2] == '1' and 1 or 0
  local retrying = job[1] == 'scheduled' and (tonumber(job[3] or '') or 0) > 0 and 1 or 0
  return allowed[table.concat({ job[1], canceling, retrying, job[5] and 1 or 0 }, ':')]
end

local function show(id, at, member)
  found = found + 1
  reply[#reply + 1] = { id, whole(id),
    redis.call('ZSCORE', key('scheduled', queue), id) or '', results_of(id, 1), at, member }
end

-- After the last member where it still stands, else after its place.
local function page()
  local rank = last ~= '' and redis.call('ZREVRANK', listed, last)
  if rank then return redis.call('ZREVRANGE', listed, rank + 1, rank + looks, 'WITHSCORES'), false end
  return redis.call('ZREVRANGEBYSCORE', listed, score, '-inf', 'WITHSCORES', 'LIMIT', 0, looks), true
end

local rows, by_place = page()
local more = #rows == looks * 2
for i = 1, #rows, 2 do
  local member, at = rows[i], rows[i + 1]
  if not (by_place and last ~= '' and tonumber(at) == tonumber(score) and member >= last) then
    if found == limit then more = true break end
    at_score, at_id = at, member
    local id = source == 'wip' and string.match(member, '^(.*):[^:]*$') or member
    if fits(id) then show(id, at, member) end
  end
end
if not more then at_score, at_id = '', '' end
table.insert(reply, 1, at_id)
table.insert(reply, 1, at_score)
return reply
