# AWS Application Load Balancer in front of natsgate on instances or addresses; TLS ends at the balancer. For
# Kubernetes: helm/natsgate/examples/aws-alb-values.yaml.
variable "vpc_id" { type = string }
variable "subnet_ids" { type = list(string) }
variable "security_group_ids" { type = list(string) }
variable "certificate_arn" { type = string }

resource "aws_lb" "natsgate" {
  name               = "natsgate"
  load_balancer_type = "application"
  subnets            = var.subnet_ids
  security_groups    = var.security_group_ids
  # Without a byte. natsgate pings every 25 s.
  idle_timeout = 120
}

resource "aws_lb_target_group" "natsgate" {
  name        = "natsgate"
  port        = 8080
  protocol    = "HTTP"
  target_type = "ip"
  vpc_id      = var.vpc_id
  # At least drain.delay + drain.timeout: what is open after it is cut.
  deregistration_delay = 90

  # The public port answers 426 to what is no WebSocket. The admin port must be reachable for the balancer:
  # admin: 0.0.0.0:8081 with a tokenFile, and a security group that lets in nobody else.
  health_check {
    port                = "8081"
    path                = "/readyz"
    interval            = 5
    timeout             = 3
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "natsgate" {
  load_balancer_arn = aws_lb.natsgate.arn
  port              = 443
  protocol          = "HTTPS"
  certificate_arn   = var.certificate_arn
  # The default of Terraform lets TLS 1.0 in.
  ssl_policy = "ELBSecurityPolicy-TLS13-1-2-2021-06"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.natsgate.arn
  }
}
