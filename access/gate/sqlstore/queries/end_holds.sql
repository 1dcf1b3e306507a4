DELETE FROM doorkit_holds
WHERE site = $1 AND door = $2 AND since <= $3
	AND NOT EXISTS (SELECT 1 FROM doorkit_journal j WHERE j.site = doorkit_holds.site AND j.member = doorkit_holds.member
		AND j.request_id = doorkit_holds.request_id AND j.settled > $3)
