-- The order of the rows selects the primary key, whatever the planner expects.
SELECT 1 FROM (SELECT 1 AS one) o LEFT JOIN doorkit_chains c ON c.site = given.value LEFT JOIN doorkit_verified v ON v.site = given.value
WHERE COALESCE(c.head_seq, 0) <> COALESCE(v.seq, 0)
	OR v.seq > 0 AND (c.head_hash <> v.hash OR v.hash <> COALESCE(
		(SELECT l.hash FROM doorkit_log l WHERE l.site = given.value AND l.seq >= v.seq ORDER BY l.seq LIMIT 1), ''))
