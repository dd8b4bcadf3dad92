package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The messages are the well-known wrappers, so that nothing has to be
// generated.
type (
	text   = wrapperspb.StringValue
	number = wrapperspb.UInt32Value
)

// Echo is the full name of the demo's gRPC service:
//
//	Say      (StringValue) → StringValue                the same text
//	Metadata (StringValue) → StringValue                the values it received under that key
//	Fail     (UInt32Value) → StringValue                that status, with a detail
//	Count    (UInt32Value) → stream UInt32Value         from 1 to it
//	Sum      (stream UInt32Value) → UInt32Value         all together
//	Chat     (stream StringValue) → stream StringValue  each text as it comes
const Echo = "yumen.demo.Echo"

const echoFile = "yumen/demo/echo.proto"

// serveGRPC serves Echo, health and reflection until ctx ends.
func serveGRPC(ctx context.Context, l net.Listener) {
	s := grpc.NewServer()
	s.RegisterService(&echoService, nil)
	healthpb.RegisterHealthServer(s, health.NewServer())
	reflectionpb.RegisterServerReflectionServer(s, reflection.NewServerV1(reflection.ServerOptions{
		Services: s, DescriptorResolver: descriptors(),
	}))
	stop := context.AfterFunc(ctx, s.Stop)
	defer stop()
	_ = s.Serve(l)
}

var echoService = grpc.ServiceDesc{
	ServiceName: Echo,
	Metadata:    echoFile,
	Methods: []grpc.MethodDesc{
		unary("Say", func(_ context.Context, in *text) (*text, error) { return in, nil }),
		unary("Metadata", func(ctx context.Context, in *text) (*text, error) {
			md, _ := metadata.FromIncomingContext(ctx)
			return wrapperspb.String(strings.Join(md.Get(in.Value), ", ")), nil
		}),
		unary("Fail", func(_ context.Context, in *number) (*text, error) {
			s, err := status.New(codes.Code(in.Value), fmt.Sprintf("failed with %d, as asked: 100 %% wrong", in.Value)).WithDetails(in)
			if err != nil {
				return nil, err
			}
			return nil, s.Err()
		}),
	},
	Streams: []grpc.StreamDesc{
		{StreamName: "Count", ServerStreams: true, Handler: func(_ any, s grpc.ServerStream) error {
			var n number
			if err := s.RecvMsg(&n); err != nil {
				return err
			}
			for i := uint32(1); i <= n.Value; i++ {
				if err := s.SendMsg(wrapperspb.UInt32(i)); err != nil {
					return err
				}
			}
			s.SetTrailer(metadata.Pairs("demo-count", fmt.Sprint(n.Value)))
			return nil
		}},
		{StreamName: "Sum", ClientStreams: true, Handler: func(_ any, s grpc.ServerStream) error {
			sum := uint32(0)
			for {
				var n number
				err := s.RecvMsg(&n)
				if errors.Is(err, io.EOF) {
					return s.SendMsg(wrapperspb.UInt32(sum))
				}
				if err != nil {
					return err
				}
				sum += n.Value
			}
		}},
		{StreamName: "Chat", ServerStreams: true, ClientStreams: true, Handler: func(_ any, s grpc.ServerStream) error {
			for {
				var m text
				err := s.RecvMsg(&m)
				if errors.Is(err, io.EOF) {
					return nil
				}
				if err != nil {
					return err
				}
				if err := s.SendMsg(&m); err != nil {
					return err
				}
			}
		}},
	},
}

func unary[In, Out any](name string, f func(context.Context, *In) (*Out, error)) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(_ any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		in := new(In)
		if err := decode(in); err != nil {
			return nil, err
		}
		if intercept == nil {
			return f(ctx, in)
		}
		return intercept(ctx, in, &grpc.UnaryServerInfo{FullMethod: "/" + Echo + "/" + name},
			func(ctx context.Context, in any) (any, error) { return f(ctx, in.(*In)) })
	}}
}

// descriptors describe Echo beside what is linked in, for reflection.
func descriptors() protodesc.Resolver {
	const (
		str = ".google.protobuf.StringValue"
		num = ".google.protobuf.UInt32Value"
	)
	method := func(name, in, out string, inStream, outStream bool) *descriptorpb.MethodDescriptorProto {
		return &descriptorpb.MethodDescriptorProto{
			Name: &name, InputType: &in, OutputType: &out, ClientStreaming: &inStream, ServerStreaming: &outStream,
		}
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name:       proto.String(echoFile),
		Package:    proto.String("yumen.demo"),
		Syntax:     proto.String("proto3"),
		Dependency: []string{wrapperspb.File_google_protobuf_wrappers_proto.Path()},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name: proto.String("Echo"),
			Method: []*descriptorpb.MethodDescriptorProto{
				method("Say", str, str, false, false),
				method("Metadata", str, str, false, false),
				method("Fail", num, str, false, false),
				method("Count", num, num, false, true),
				method("Sum", num, num, true, false),
				method("Chat", str, str, true, true),
			},
		}},
	}, protoregistry.GlobalFiles)
	own := new(protoregistry.Files)
	if err == nil {
		err = own.RegisterFile(file)
	}
	if err != nil {
		panic(err) // the description above is wrong
	}
	return either{own, protoregistry.GlobalFiles}
}

// either looks in one set of descriptors, then in the other.
type either [2]protodesc.Resolver

func (e either) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if d, err := e[0].FindFileByPath(path); err == nil {
		return d, nil
	}
	return e[1].FindFileByPath(path)
}

func (e either) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if d, err := e[0].FindDescriptorByName(name); err == nil {
		return d, nil
	}
	return e[1].FindDescriptorByName(name)
}
