-- Who runs which periodic job of a site, by the clock of the database.
CREATE TABLE doorkit_leases (
	site TEXT NOT NULL,
	name TEXT NOT NULL,
	holder TEXT NOT NULL,
	held_from INTEGER NOT NULL,
	held_until INTEGER NOT NULL,
	PRIMARY KEY (site, name)
) STRICT;
