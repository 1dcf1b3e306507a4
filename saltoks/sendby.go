package saltoks

import (
	"github.com/doorkit/doorkit/saltoks/internal/sendby"
)

// ErrSendBy: the command's last instant for sending has passed; nothing was sent.
var ErrSendBy = sendby.ErrPassed
