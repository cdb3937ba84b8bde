-- quota_list: tenants with quotas by name, or one alone. Changes nothing.
-- KEYS none  ARGV prefix, tenant or '', name to begin after or '', limit
-- Returns n × (tenant, fields flat).

local function row(tenant)
  local found = redis.pcall('HGETALL', yard('quota', tenant))
  return { tenant, found.err and {} or found }
end
if ARGV[2] ~= '' then return { row(ARGV[2]) } end
local from = ARGV[3] == '' and '-' or '(' .. ARGV[3]
local replies = {}
for _, tenant in ipairs(redis.call('ZRANGE', yard('quotas'), from, '+', 'BYLEX', 'LIMIT', 0, ARGV[4])) do
  replies[#replies + 1] = row(tenant)
end
return replies
