import "./blank.css";

interface BlankProps {
  title: string;
  help?: string;
  action?: React.ReactNode;
}

/** A place where nothing is yet, and what would put something there. */
export function Blank({ title, help, action }: BlankProps) {
  return (
    <div className="blank">
      <p className="heading">{title}</p>
      {help && <p className="quiet">{help}</p>}
      {action}
    </div>
  );
}
