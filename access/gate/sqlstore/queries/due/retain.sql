-- The first row is at or after the base.
SELECT 1 FROM (
	SELECT l.at FROM doorkit_log l
	WHERE l.site = given.value AND l.seq > COALESCE((SELECT c.base_seq FROM doorkit_chains c WHERE c.site = given.value), 0)
	ORDER BY l.seq LIMIT 1) oldest
WHERE oldest.at IS NULL OR oldest.at < $2
UNION ALL SELECT 1 FROM doorkit_vendor_log e WHERE e.site = given.value AND e.at < $2
