INSERT INTO doorkit_holds AS h (site, door, member, request_id, since, uncertain)
SELECT $1, $2, $3, $4, $5, $6
WHERE $7 = 1 OR EXISTS (SELECT 1 FROM doorkit_holds WHERE site = $1 AND door = $2 AND member = $3)
ON CONFLICT (site, door, member) WHERE member <> '' DO UPDATE SET
	uncertain = h.uncertain * excluded.uncertain,
	request_id = CASE WHEN excluded.since < h.since THEN h.request_id ELSE excluded.request_id END,
	since = CASE WHEN excluded.since < h.since THEN h.since ELSE excluded.since END
