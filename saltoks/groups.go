package saltoks

// AccessGroupsService ties users to locks in SALTO.
type AccessGroupsService service
