-- What the gate writes.

-- One row per site: the chain of its door log, which every commit of the gate
-- locks first, and the kill switch, which such a commit then sees.
CREATE TABLE doorkit_chains (
	site {text} NOT NULL PRIMARY KEY,
	base_seq {int} NOT NULL,
	base_hash {blob} NOT NULL,
	head_seq {int} NOT NULL,
	head_hash {blob} NOT NULL,
	switch_off {int} NOT NULL,
	switch_by {text} NOT NULL,
	switch_why {text} NOT NULL,
	switch_at {int}
){strict};

CREATE TABLE doorkit_journal (
	site {text} NOT NULL,
	member {text} NOT NULL,
	request_id {text} NOT NULL,
	fingerprint {text} NOT NULL,
	door {text} NOT NULL,
	action {text} NOT NULL,
	outcome {text} NOT NULL,
	begun {int},
	send_by {int},
	settled {int},
	seq {int} NOT NULL,
	shared_with {text} NOT NULL,
	doc {blob} NOT NULL,
	PRIMARY KEY (site, member, request_id)
){strict};

CREATE INDEX doorkit_journal_by_door ON doorkit_journal (site, door, begun);

CREATE INDEX doorkit_journal_by_outcome ON doorkit_journal (site, outcome, begun);

CREATE TABLE doorkit_log (
	site {text} NOT NULL,
	seq {int} NOT NULL,
	at {int},
	ref {int} NOT NULL,
	door {text} NOT NULL,
	action {text} NOT NULL,
	outcome {text} NOT NULL,
	reason {text} NOT NULL,
	commitment {blob} NOT NULL,
	hash {blob} NOT NULL,
	PRIMARY KEY (site, seq)
){strict};

CREATE INDEX doorkit_log_by_door ON doorkit_log (site, door, seq);

CREATE INDEX doorkit_log_by_time ON doorkit_log (site, at);

CREATE TABLE doorkit_log_details (
	site {text} NOT NULL,
	seq {int} NOT NULL,
	member {text} NOT NULL,
	actor {text} NOT NULL,
	salt {blob} NOT NULL,
	detail {blob} NOT NULL,
	PRIMARY KEY (site, seq)
){strict};

CREATE INDEX doorkit_log_details_by_member ON doorkit_log_details (site, member, seq);

CREATE INDEX doorkit_log_details_by_actor ON doorkit_log_details (site, actor) WHERE actor <> '';

CREATE TABLE doorkit_check_ins (
	site {text} NOT NULL,
	member {text} NOT NULL,
	visit {text} NOT NULL,
	door {text} NOT NULL,
	action {text} NOT NULL,
	request_id {text} NOT NULL,
	at {int},
	day {text} NOT NULL,
	PRIMARY KEY (site, member, visit)
){strict};

CREATE INDEX doorkit_check_ins_by_time ON doorkit_check_ins (site, at);

CREATE TABLE doorkit_holds (
	id {serial},
	site {text} NOT NULL,
	door {text} NOT NULL,
	member {text} NOT NULL,
	request_id {text} NOT NULL,
	since {int},
	uncertain {int} NOT NULL
){strict};

CREATE INDEX doorkit_holds_by_door ON doorkit_holds (site, door, since);

CREATE UNIQUE INDEX doorkit_holds_by_member ON doorkit_holds (site, door, member) WHERE member <> '';

-- The lock system's own log.
CREATE TABLE doorkit_vendor_log (
	site {text} NOT NULL,
	id {text} NOT NULL,
	lock_id {text} NOT NULL,
	at {int},
	what {text} NOT NULL,
	detail {text} NOT NULL,
	opened_by {text} NOT NULL,
	user_id {text} NOT NULL,
	raw {blob} NOT NULL,
	PRIMARY KEY (site, id)
){strict};

CREATE INDEX doorkit_vendor_log_by_time ON doorkit_vendor_log (site, at);

CREATE INDEX doorkit_vendor_log_by_lock ON doorkit_vendor_log (site, lock_id, at);

CREATE TABLE doorkit_cursors (
	site {text} NOT NULL PRIMARY KEY,
	place {text} NOT NULL
){strict};
