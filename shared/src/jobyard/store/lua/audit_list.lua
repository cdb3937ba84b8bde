-- audit_list: entries of the audit log, newest first; of one tenant, or all. Changes nothing.
-- KEYS none  ARGV prefix, tenant ('*' for all), place to begin below ('+' for the newest), limit, looks
-- Returns the place to go on below or '', then n × (place, fields flat).

local tenant, before, limit, looks = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local from = before == '+' and '+' or '(' .. before
local rows = redis.call('XREVRANGE', yard('audit'), from, '-', 'COUNT', looks)
local replies, last = { '' }, ''
local function tenant_of(flat)
  for i = 1, #flat, 2 do
    if flat[i] == 'tenant' then return flat[i + 1] end
  end
end
for _, row in ipairs(rows) do
  if #replies > limit then
    replies[1] = last
    return replies
  end
  last = row[1]
  if tenant == '*' or tenant_of(row[2]) == tenant then replies[#replies + 1] = row end
end
if #rows == looks then replies[1] = last end
return replies
