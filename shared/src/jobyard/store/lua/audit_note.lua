-- audit_note: one entry of the audit log.
-- KEYS none  ARGV prefix, entry (see audit.lua)
-- Returns 1.

guard_audit(2)
note(2)
return 1
