SELECT COALESCE(c.switch_off, 0), COALESCE(c.switch_by, ''), COALESCE(c.switch_why, ''), c.switch_at,
	(SELECT COUNT(*) FROM doorkit_holds h WHERE h.site = $1 AND h.door = $4 AND h.member = $2),
	COALESCE(j.site, ''), COALESCE(j.member, ''), COALESCE(j.request_id, ''), COALESCE(j.attempt_id, ''), COALESCE(j.fingerprint, ''),
	COALESCE(j.door, ''), COALESCE(j.action, ''), COALESCE(j.outcome, ''), j.begun, j.send_by, j.settled, COALESCE(j.seq, 0),
	COALESCE(j.shared_with, ''), j.doc
FROM (SELECT 1 AS one) o
	LEFT JOIN doorkit_chains c ON c.site = $1
	LEFT JOIN doorkit_journal j ON j.site = $1 AND j.member = $2 AND j.request_id = $3
