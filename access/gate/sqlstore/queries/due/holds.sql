SELECT 1 FROM doorkit_holds h WHERE h.site = given.value
