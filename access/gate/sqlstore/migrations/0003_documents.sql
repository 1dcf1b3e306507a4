-- The lock system client's state: sealed documents, each with the lease of the
-- one who is changing it. A row without a document is a lease on a new one.
CREATE TABLE doorkit_documents (
	name {text} NOT NULL PRIMARY KEY,
	doc {blob},
	holder {text} NOT NULL,
	held_until {int} NOT NULL
){strict};
