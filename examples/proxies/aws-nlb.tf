# AWS Network Load Balancer in front of natsgate; TLS ends in natsgate. For Kubernetes:
# helm/natsgate/examples/aws-nlb-values.yaml.
#
# natsgate.yaml then needs:
#   listen:
#     address: 0.0.0.0:8443
#     tls: {certFile: …, keyFile: …}
variable "vpc_id" { type = string }
variable "subnet_ids" { type = list(string) }

resource "aws_lb" "natsgate" {
  name               = "natsgate"
  load_balancer_type = "network"
  subnets            = var.subnet_ids
}

resource "aws_lb_target_group" "natsgate" {
  name        = "natsgate"
  port        = 8443
  protocol    = "TCP"
  target_type = "ip"
  vpc_id      = var.vpc_id
  # natsgate then sees the address of the client. The PROXY protocol would precede the health checks, too.
  preserve_client_ip   = true
  deregistration_delay = 90

  # A check by TCP alone would send clients to a gateway that drains.
  health_check {
    protocol            = "HTTP"
    port                = "8081"
    path                = "/readyz"
    interval            = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "natsgate" {
  load_balancer_arn = aws_lb.natsgate.arn
  port              = 443
  protocol          = "TCP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.natsgate.arn
  }
}
