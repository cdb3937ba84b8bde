-- key_read: one key, and the quotas of its tenant. Changes nothing.
-- KEYS none  ARGV prefix, id
-- Returns '' when there is none, else its fields (flat), ms until it expires or '', quotas (flat).

return known_key(ARGV[2]) or ''
