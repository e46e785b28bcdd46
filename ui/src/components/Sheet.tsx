import { X } from "lucide-react";
import { Button, Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { Action } from "./Action";
import "./sheet.css";

interface SheetProps {
  title: string;
  open: boolean;
  onClose: () => void;
  children: React.ReactNode;
  role?: "dialog" | "alertdialog";
}

/** What floats over a view until it is closed; focus goes in and comes back. */
export function Sheet({ title, open, onClose, children, role = "dialog" }: SheetProps) {
  const { t } = useTranslation();
  const change = (isOpen: boolean) => {
    if (!isOpen) onClose();
  };
  return (
    <ModalOverlay
      className="sheet-veil"
      isOpen={open}
      onOpenChange={change}
      isDismissable={role === "dialog"}
    >
      <Modal className="sheet">
        <Dialog className="sheet-body" role={role}>
          <header className="sheet-head">
            <Heading slot="title" className="heading sheet-title">
              {title}
            </Heading>
            {role === "dialog" && (
              <Button className="action" data-look="quiet" aria-label={t("desk.close")} onPress={onClose}>
                <X aria-hidden />
              </Button>
            )}
          </header>
          {children}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

interface ConfirmProps {
  title: string;
  help: string;
  yes: string;
  no: string;
  open: boolean;
  busy?: boolean;
  onAnswer: (yes: boolean) => void;
}

/** Asks before something that can't be taken back. The safe answer has the focus. */
export function Confirm({ title, help, yes, no, open, busy, onAnswer }: ConfirmProps) {
  return (
    <Sheet title={title} open={open} onClose={() => onAnswer(false)} role="alertdialog">
      <p>{help}</p>
      <div className="sheet-actions">
        <Action autoFocus onPress={() => onAnswer(false)}>
          {no}
        </Action>
        <Action look="stop" busy={busy ?? false} onPress={() => onAnswer(true)}>
          {yes}
        </Action>
      </div>
    </Sheet>
  );
}
