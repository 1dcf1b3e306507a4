-- With seq, the numbers of the rows of a span of time are read from the index alone.
DROP INDEX doorkit_log_by_time;

CREATE INDEX doorkit_log_by_time ON doorkit_log (site, at, seq);

-- The outcomes that are rare. A query has to repeat the condition.
CREATE INDEX doorkit_log_by_outcome ON doorkit_log (site, outcome, seq) WHERE outcome IN ('denied', 'not_sent', 'refused', 'unconfirmed');

-- Up to where the door log was verified, for VerifyNew.
CREATE TABLE doorkit_verified (
	site TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	seq BIGINT NOT NULL,
	hash BYTEA NOT NULL
);
