-- Who runs which periodic job of a site, by the clock of the database.
CREATE TABLE doorkit_leases (
	site TEXT COLLATE "C" NOT NULL,
	name TEXT COLLATE "C" NOT NULL,
	holder TEXT COLLATE "C" NOT NULL,
	held_from BIGINT NOT NULL,
	held_until BIGINT NOT NULL,
	PRIMARY KEY (site, name)
);
