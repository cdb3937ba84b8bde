-- walking: goes over several sorted sets as over one, highest first; a part of list. A place is a score
-- and a member: what is not lower was shown before. Nothing here costs more where more is stored.

local CHUNK = 50

local function fill(walk)
  walk.rows = redis.call('ZREVRANGE', walk.list, walk.rank, walk.rank + CHUNK - 1, 'WITHSCORES')
  walk.at, walk.rank = 1, walk.rank + CHUNK
end
local function head(walk)
  if walk.at > #walk.rows and walk.list and #walk.rows == CHUNK * 2 then fill(walk) end
  return walk.rows[walk.at], walk.rows[walk.at + 1]
end
local function step(walk) walk.at = walk.at + 2 end

-- As the server orders members with the same score; `<` follows the locale that it was started in.
local function is_lower(member, other)
  for i = 1, #member do
    local mine, others = string.byte(member, i), string.byte(other, i) or -1
    if mine ~= others then return mine < others end
  end
  return #member < #other
end
local function is_below(member, score, place)
  local mine, others = tonumber(score), tonumber(place.score)
  return mine < others or mine == others and is_lower(member, place.member)
end

-- Begins below a place, or at the top; nil where the key is no sorted set, or nothing is left.
-- Of members with the same score, the one in the place tells where to begin, if it still stands there.
local function walk_below(list, place)
  if redis.call('TYPE', list).ok ~= 'zset' then return nil end
  local walk = { list = list, rank = 0 }
  if place then
    walk.rank = redis.call('ZCOUNT', list, '(' .. place.score, '+inf')
    if tonumber(redis.call('ZSCORE', list, place.member) or '') == tonumber(place.score) then
      walk.rank = redis.call('ZREVRANK', list, place.member) + 1
    end
  end
  fill(walk)
  local member, score = head(walk)
  while place and member and not is_below(member, score, place) do
    step(walk)
    member, score = head(walk)
  end
  return member and walk
end

-- The highest of all heads, taken; nil when no walk has any left.
local function next_of(walks)
  local best, best_member, best_score
  for _, walk in ipairs(walks) do
    local member, score = head(walk)
    if member and (not best or is_below(best_member, best_score, { score = score, member = member })) then
      best, best_member, best_score = walk, member, score
    end
  end
  if best then step(best) end
  return best_member, best_score
end
