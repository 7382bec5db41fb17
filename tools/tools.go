//go:build tools

// Package tools pins the Pulumi CLI that install.py builds where it can't be downloaded.
package tools

import (
	_ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
	_ "github.com/pulumi/pulumi/sdk/v3/go/common/version" // its module also carries pulumi-language-python-exec
)
