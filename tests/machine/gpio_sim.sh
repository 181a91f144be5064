#!/bin/sh
# Inside a throw-away root with compiler, kernel headers and Debian's linux-source: builds the kernel's
# simulated GPIO chip, which Debian's own kernel leaves out. Usage: gpio_sim.sh ROOT KERNEL-VERSION
# The modules are left in ROOT/built. Nothing of the kernel's code is kept anywhere else.
#
# Two changes: irq_sim becomes a module and so may use exported symbols only; and gpio-sim keeps the
# level of a line that its owner has let go of, as the chip of a Raspberry Pi does.
set -eu
root=$1
kernel=$2
mkdir -p "$root/built"
cat > "$root/built/Makefile" << 'END'
obj-m := irq_sim_module.o gpio-sim.o
END
cat > "$root/built/build.sh" << 'END'
set -eu
cd /built
tar -xf /usr/src/linux-source-6.1.tar.xz --strip-components=3 --wildcards \
    '*/drivers/gpio/gpio-sim.c' '*/drivers/gpio/gpiolib.h' '*/kernel/irq/irq_sim.c' 2> /dev/null ||
    tar -xf /usr/src/linux-source-6.1.tar.xz --strip-components=3 \
        linux-source-6.1/drivers/gpio/gpio-sim.c linux-source-6.1/drivers/gpio/gpiolib.h \
        linux-source-6.1/kernel/irq/irq_sim.c
sed -e 's/irq_to_desc(irqnum)/irq_data_to_desc(irq_get_irq_data(irqnum))/' \
    -e '1i #include <linux/module.h>\n#include <linux/irq.h>' irq_sim.c > irq_sim_module.c
echo 'MODULE_LICENSE("GPL");' >> irq_sim_module.c
grep -q 'gc->free = gpio_sim_free;' gpio-sim.c
sed -i -e '/gc->free = gpio_sim_free;/d' -e 's/^static void gpio_sim_free/__maybe_unused &/' gpio-sim.c
make -s -C "/lib/modules/$1/build" M=/built modules
END
chroot "$root" sh /built/build.sh "$kernel"
