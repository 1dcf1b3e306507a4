-- The order selects the index by time, whatever the planner expects.
SELECT 1 FROM (
	SELECT j.begun FROM doorkit_journal j WHERE j.site = given.value AND j.begun < $2 AND j.outcome <> 'sending'
	ORDER BY j.site, j.begun LIMIT 1) old
