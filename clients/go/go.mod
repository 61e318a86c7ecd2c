module ballast.io/gen/go

go 1.24.0

require (
	google.golang.org/genproto/googleapis/rpc v0.0.0-20251029180050-ab9386a59fda
	google.golang.org/grpc v1.77.0
	google.golang.org/protobuf v1.36.10
)
