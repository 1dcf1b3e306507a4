-- Appends a row to the chain of a site, in the statement that also inserts the rows of
-- the commit, so that the chain is locked for no round trip. Each statement of a volatile
-- function sees what was committed before it, so what follows the lock sees everything
-- that others committed while this one waited.
--
-- It returns the number and hash of the row. It returns nothing and changes nothing if the
-- commit is not of the usual kind; the caller then uses a transaction. Usual is: the
-- journal's entry has the outcome p_known (NULL: there is none), no entry qualifies for
-- sharing (p_from is NULL: none is looked for), the site is not switched off (if p_switch
-- is 1), the site has a chain, and the connection is as required.
CREATE FUNCTION doorkit_advance(p_site TEXT, p_wait TEXT, p_member TEXT, p_request TEXT, p_known TEXT, p_switch BIGINT,
	p_door TEXT, p_action TEXT, p_from BIGINT, p_until BIGINT, p_first BYTEA, p_second BYTEA, p_third BYTEA)
	RETURNS TABLE (seq BIGINT, hash BYTEA) LANGUAGE plpgsql VOLATILE AS '
DECLARE
	c doorkit_chains;
	stored TEXT;
BEGIN
	IF current_setting(''synchronous_commit'') = ''off'' OR current_setting(''transaction_isolation'') <> ''read committed'' THEN
		RETURN;
	END IF;
	IF CAST(current_setting(''lock_timeout'') AS INTERVAL) NOT BETWEEN ''1 ms'' AND CAST(p_wait AS INTERVAL) THEN
		PERFORM set_config(''lock_timeout'', p_wait, true);
	END IF;
	SELECT * INTO c FROM doorkit_chains k WHERE k.site = p_site FOR UPDATE;
	IF NOT FOUND OR p_switch = 1 AND c.switch_off <> 0 THEN
		RETURN;
	END IF;
	stored := (SELECT CASE WHEN j.shared_with = '''' THEN j.outcome ELSE ''shared'' END FROM doorkit_journal j
		WHERE j.site = p_site AND j.member = p_member AND j.request_id = p_request);
	IF stored IS DISTINCT FROM p_known THEN
		RETURN;
	END IF;
	IF p_from IS NOT NULL AND EXISTS (SELECT 1 FROM doorkit_journal j WHERE j.site = p_site AND j.door = p_door
			AND j.begun > p_from AND j.begun < p_until AND j.member = p_member AND j.action = p_action
			AND j.outcome IN (''sending'', ''accepted'', ''unconfirmed'')) THEN
		RETURN;
	END IF;
	seq := c.head_seq + 1;
	hash := sha256(p_first || c.head_hash || p_second || int8send(seq) || p_third);
	UPDATE doorkit_chains k SET head_seq = seq, head_hash = hash WHERE k.site = p_site;
	RETURN NEXT;
END';
