WITH rooms AS MATERIALIZED (SELECT DISTINCT resource FROM doorkit_resource_doors WHERE site = $1{and door}),
own AS MATERIALIZED (
	SELECT id, resource, starts, effective, doc FROM doorkit_reservations
	WHERE site = $1 AND member = $2 AND effective >= $3 AND starts <= $4 AND resource IN (SELECT resource FROM rooms)
	UNION ALL SELECT r.id, r.resource, r.starts, r.effective, r.doc
	FROM doorkit_guests g CROSS JOIN doorkit_reservations r
	WHERE g.site = $1 AND g.member = $2 AND g.effective >= $3 AND g.starts <= $4 AND g.resource IN (SELECT resource FROM rooms)
		AND r.site = $1 AND r.id = g.reservation),
spots AS MATERIALIZED (
	SELECT resource, starts AS start_from, effective + 86400000000 AS start_to, starts - 86400000000 AS end_from, effective AS end_to FROM own
	UNION ALL SELECT resource, $5, $6, $5, $6 FROM rooms)
SELECT 0 AS kind, 0 AS pos, id, common AS doc FROM doorkit_sites WHERE site = $1
UNION ALL SELECT 1, added, id, doc FROM doorkit_doors WHERE site = $1{and id}
UNION ALL SELECT 2, 0, id, doc FROM doorkit_members WHERE site = $1 AND id = $2
UNION ALL SELECT 3, pos, id, doc FROM doorkit_membership_types WHERE site = $1
UNION ALL SELECT 4, 0, id, doc FROM doorkit_grants WHERE site = $1 AND member = $2{and door}
UNION ALL SELECT 5, pos, id, doc FROM doorkit_resources WHERE site = $1 AND id IN (SELECT resource FROM rooms)
UNION ALL SELECT 6, 0, id, doc FROM own
UNION ALL SELECT 6, 0, n.id, n.doc FROM rooms o CROSS JOIN {each (}doorkit_reservations n WHERE {others}
	AND n.effective > $6 AND {unindexed}n.starts < $5{) by effective}
UNION ALL SELECT 6, 0, n.id, n.doc FROM own o CROSS JOIN {each (}doorkit_reservations n WHERE {others}
	AND n.effective > o.effective AND {unindexed}n.starts < o.starts{) by effective}
UNION ALL SELECT 6, 0, n.id, n.doc FROM spots o CROSS JOIN {each (}doorkit_reservations n WHERE {others}
	AND n.starts >= o.start_from AND n.starts <= o.start_to{) by starts}
UNION ALL SELECT 6, 0, n.id, n.doc FROM spots o CROSS JOIN {each (}doorkit_reservations n WHERE {others}
	AND n.effective >= o.end_from AND n.effective <= o.end_to{) by effective}
ORDER BY 1, 2, 3
