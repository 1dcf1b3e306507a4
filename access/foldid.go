package access

import "strings"

// folding returns a function whose results are equal for ids that differ only in
// case, surrounding space or Unicode form: a person takes them for the same.
func folding() func(id string) string {
	accents := strings.NewReplacer(strings.Fields(accents)...)
	return func(id string) string { return accents.Replace(strings.ToLower(strings.TrimSpace(id))) }
}

// accents are letters of European names, each as one rune and then as a letter with
// its accent, as some systems store them.
const accents = "" +
	"à a\u0300 á a\u0301 â a\u0302 ã a\u0303 ä a\u0308 å a\u030a ç c\u0327 è e\u0300 é e\u0301 ê e\u0302 ë e\u0308 " +
	"ì i\u0300 í i\u0301 î i\u0302 ï i\u0308 ñ n\u0303 ò o\u0300 ó o\u0301 ô o\u0302 õ o\u0303 ö o\u0308 ù u\u0300 " +
	"ú u\u0301 û u\u0302 ü u\u0308 ý y\u0301 ÿ y\u0308 ć c\u0301 č c\u030c ď d\u030c ę e\u0328 ě e\u030c ğ g\u0306 " +
	"ĺ l\u0301 ľ l\u030c ń n\u0301 ň n\u030c ő o\u030b ŕ r\u0301 ř r\u030c ś s\u0301 ş s\u0327 š s\u030c ť t\u030c " +
	"ů u\u030a ű u\u030b ź z\u0301 ż z\u0307 ž z\u030c"
