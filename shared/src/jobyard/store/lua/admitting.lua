-- admitting: which new jobs are taken: unique keys, the depth of queues, what a tenant may have waiting.
-- A part of admit; nothing is written here.

local deepest = tonumber(ARGV[3]) -- jobs that may wait in a queue; nil for any number
local DEPTHS, WAITS, PLANNED = {}, {}, {}

local function guard_replaced(at)
  local unique = TIES[at].unique
  if not unique then return end
  local holder, _, queue = holder_of(ARGV[at + 2], unique)
  if holder then guard_withdrawal(queue) end
end

-- Jobs that wait in a queue with its lanes, delayed ones as well; asked once a call, then counted.
local function depth_of(queue)
  local base = base_of(queue)
  if not DEPTHS[base] then
    DEPTHS[base] = 0
    for _, lane in ipairs({ base, base .. '.high', base .. '.low' }) do
      DEPTHS[base] = DEPTHS[base] + redis.call('LLEN', key('queue', lane))
        + redis.call('ZCARD', key('scheduled', lane))
    end
  end
  return DEPTHS[base]
end

local function waits_of(tenant)
  if not WAITS[tenant] then WAITS[tenant] = redis.call('SCARD', yard('waiting', tenant)) end
  return WAITS[tenant]
end

local function plan(queue, tenant, ties)
  if deepest then DEPTHS[base_of(queue)] = depth_of(queue) + 1 end
  if ties.waiting then WAITS[tenant] = waits_of(tenant) + 1 end
  if ties.unique then PLANNED[tenant .. ' ' .. ties.unique] = true end
end

-- Outcome and id for the job at an index; where it is to be stored, also the job that it replaces.
local function judge(at)
  local outcome, first = known(at)
  if outcome then return outcome, first end
  local id, queue, tenant, ties, holder, status = ARGV[at], ARGV[at + 1], ARGV[at + 2], TIES[at], nil, nil
  if ties.unique then
    holder, status = holder_of(tenant, ties.unique)
    if holder and ties.conflict == 'existing' then return 'existing', holder end
    if holder and not (ties.conflict == 'replace' and WAITING[status]) then return 'taken', holder end
  end
  if deepest and depth_of(queue) >= deepest then return 'full', id end
  if ties.waiting and waits_of(tenant) >= ties.waiting then return 'quota', id end
  plan(queue, tenant, ties)
  return 'created', id, holder
end

-- Whether all jobs at these indexes would be stored, or are. As if each were stored before the next.
local REFUSED = { conflict = true, taken = true, full = true, quota = true }
local function outcomes_together(starts)
  local outcomes, good = {}, true
  for i, at in ipairs(starts) do
    local ties = TIES[at]
    local twice = ties.unique and PLANNED[ARGV[at + 2] .. ' ' .. ties.unique]
    outcomes[i] = { judge(at) }
    if twice and outcomes[i][1] == 'created' then outcomes[i] = { 'taken', '' } end
    good = good and not REFUSED[outcomes[i][1]]
  end
  DEPTHS, WAITS, PLANNED = {}, {}, {}
  return outcomes, good
end
