module github.com/doorkit/doorkit/examples/fleet

go 1.26.0

require (
	github.com/doorkit/doorkit v0.0.0
	github.com/doorkit/doorkit/internal/dbtest v0.0.0
	github.com/jackc/pgx/v5 v5.12.0
)

require (
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/oauth2 v0.38.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/time v0.16.0 // indirect
)

replace (
	github.com/doorkit/doorkit => ../..
	github.com/doorkit/doorkit/internal/dbtest => ../../internal/dbtest
)
