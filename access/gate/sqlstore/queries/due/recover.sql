SELECT 1 FROM doorkit_journal WHERE site = given.value AND outcome = 'sending' AND send_by < $2 AND outcome <> 'accepted'
