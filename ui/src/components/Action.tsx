import { LoaderCircle, type LucideIcon } from "lucide-react";
import { Button, type ButtonProps } from "react-aria-components";
import "./action.css";

interface ActionProps extends Omit<ButtonProps, "children" | "className"> {
  children: React.ReactNode;
  icon?: LucideIcon;
  /** `main` is the one thing to do here, `plain` the usual, `quiet` beside it, `stop` takes away. */
  look?: "main" | "plain" | "quiet" | "stop";
  size?: "usual" | "large";
  busy?: boolean;
}

/** A thing to press. While busy it keeps its place and its name, and does not take a second press. */
export function Action({
  children,
  icon: Icon,
  look = "plain",
  size = "usual",
  busy,
  ...button
}: ActionProps) {
  return (
    <Button {...button} isPending={busy ?? false} className="action" data-look={look} data-size={size}>
      {busy ? <LoaderCircle className="action-spin" aria-hidden /> : Icon && <Icon aria-hidden />}
      <span className="action-text">{children}</span>
    </Button>
  );
}
