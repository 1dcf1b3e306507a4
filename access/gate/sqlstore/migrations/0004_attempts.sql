-- Every attempt has an id of its own.
ALTER TABLE doorkit_journal ADD COLUMN attempt_id {text} NOT NULL DEFAULT '';
